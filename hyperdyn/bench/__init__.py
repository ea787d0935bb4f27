"""A benchmark: methods x families x seeds, told by one file, made resumably and written so that it can be checked."""
