"""Tests of each public call, on every database."""
