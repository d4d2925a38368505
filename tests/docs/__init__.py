"""Tests of the pages in docs/, and the generators of those made from code."""
