"""plugins.toml and its defaults: what is allowed, with which options, and where things are kept."""

from connector_core.settings.file import DEFAULT_FILE, Settings
from connector_core.settings.host import (
    DEFAULT_STORE,
    BoundSettings,
    DeltaSettings,
    DriftSettings,
    GrowthSettings,
    HostSettings,
    HttpSettings,
    LossSettings,
    RetentionSettings,
)
from connector_core.settings.plugins import LimitSettings, PluginSettings, limits_of
from connector_core.settings.service import EmailSettings, NoticeSettings, Role, ScheduleSettings, WebSettings
from connector_core.settings.table import Endpoint

__all__ = [
    "DEFAULT_FILE",
    "DEFAULT_STORE",
    "BoundSettings",
    "DeltaSettings",
    "DriftSettings",
    "EmailSettings",
    "Endpoint",
    "GrowthSettings",
    "HostSettings",
    "HttpSettings",
    "LimitSettings",
    "LossSettings",
    "NoticeSettings",
    "PluginSettings",
    "RetentionSettings",
    "Role",
    "ScheduleSettings",
    "Settings",
    "WebSettings",
    "limits_of",
]
