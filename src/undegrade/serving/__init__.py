"""The server: an HTTP API and a web page over one queue of jobs, done by worker processes."""
