"""Web applications: a guard for local servers, the map in the browser."""
