"""The demo collection: songs composed by a program, as files, tags and a manifest."""
