"""What leaves Python's training side: experts and models as files that others run."""
