"""Logs of a robot: files of others, read into episodes."""
