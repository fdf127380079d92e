"""Measurements of the program beside its peers; `make bench` runs them all."""
