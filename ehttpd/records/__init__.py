"""What is written down about exchanges: a record of each."""

from ehttpd.records.note import Ledger
from ehttpd.records.record import Record

__all__ = ["Ledger", "Record"]
