"""What is written down about exchanges: a record of each."""

from ehttpd.records.record import Record

__all__ = ["Record"]
