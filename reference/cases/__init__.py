"""The cases of every vector file. One module a file, each with ABOUT and cases()."""
