"""Pure parts: tables of named cases, and properties over generated inputs."""
