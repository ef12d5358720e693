"""Segments of customers that Python finds; those that SQL scores are in warehouse/sql/segments/."""
