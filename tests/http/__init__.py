"""What goes over a socket, or looks as if it did."""
