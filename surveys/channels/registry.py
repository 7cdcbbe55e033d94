"""Which module sends on which channel.

What is shown in the product itself is no message that leaves: its deliveries wait until the widget asks for them.
"""

from collections.abc import Mapping

from surveys.channels import email, sms
from surveys.channels.base import ChannelModule
from surveys.choices import Channel

SENT: Mapping[Channel, ChannelModule] = {Channel.EMAIL: email, Channel.SMS: sms}


def module_of(channel: str) -> ChannelModule:
    """The module that sends on `channel`. Raises KeyError for one that nothing is sent on."""
    return SENT[Channel(channel)]
