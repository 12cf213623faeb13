"""Additions of version 4: the cursor of an interrupted reading, and the token from which a delta starts."""

ADDED = """
-- The cursor or address that the last page was requested with; null on the first page, and where pages are numbered.
ALTER TABLE checkpoints ADD COLUMN cursor TEXT;
-- The token of the changes since the reading began, if its pages have told one.
ALTER TABLE checkpoints ADD COLUMN token TEXT;
-- The provider's own token of what has been read, and when it was given.
ALTER TABLE last_scans ADD COLUMN token TEXT;
ALTER TABLE last_scans ADD COLUMN token_at TEXT;
"""
