"""Files and environment become frozen settings, or sentences that say what to mend and where.

search        which service file is meant
source        one TOML file that was read
lines         the line on which each key stands
models        what the files may say; a category itself is `listbridge.category`
problems      a sentence for everything that can be wrong with a value
known_keys    the key that was probably meant
unsafe        control characters, wherever they stand
service_file  the service file as a whole
alert_account which account sends the alerts
halves        one half of a mail session or category
category_file one category's file as a whole
not_yet       keys that are accepted without having an effect yet
templates     the texts of notices in the place of the built-in ones
conflicts     categories that get in each other's way
load          all of it together
"""

from listbridge.config.load import Configuration, load, slugs
from listbridge.config.models import Alerts, MailSession, Service, Web
from listbridge.config.problems import Problem

__all__ = [
    "Alerts",
    "Configuration",
    "MailSession",
    "Problem",
    "Service",
    "Web",
    "load",
    "slugs",
]
