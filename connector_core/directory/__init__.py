"""People and departments of one integration, in memory, as they are looked at: searched, by department, by manager."""

from connector_core.directory.cache import Directories
from connector_core.directory.snapshot import Directory, PersonRow, Slice
from connector_core.directory.tree import Branch

__all__ = ["Branch", "Directories", "Directory", "PersonRow", "Slice"]
