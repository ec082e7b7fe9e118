"""Data that is fetched: providers' APIs, and the Datahub Feed."""
