"""Asking and listening: surveys, campaigns, asks, answers, scores and the figures kept from them. One module a topic."""

from surveys.models.answer import (
    AccountScore,
    ContactScore,
    IdentityAction,
    IdentityMove,
    ImportedAnswer,
    Response,
    ResponseRevision,
)
from surveys.models.asking import Delivery, ExternalAsk, InboundMessage, Invitation, PageVisit, ScoreIntent
from surveys.models.campaign import Campaign, Exclusion, Trigger, Variant, Wave, WaveDay
from surveys.models.figures import FigureMark, FigureState, MetricDefinition, Tally
from surveys.models.in_app import InAppMessage
from surveys.models.recipients import AskRule, Preference, Suppression
from surveys.models.survey import PublicLink, Survey, SurveyVersion
from surveys.models.widget import Placement, Visitor, Widget

__all__ = [
    "AccountScore",
    "AskRule",
    "Campaign",
    "ContactScore",
    "Delivery",
    "Exclusion",
    "ExternalAsk",
    "FigureMark",
    "FigureState",
    "IdentityAction",
    "IdentityMove",
    "ImportedAnswer",
    "InAppMessage",
    "InboundMessage",
    "Invitation",
    "MetricDefinition",
    "PageVisit",
    "Placement",
    "Preference",
    "PublicLink",
    "Response",
    "ResponseRevision",
    "ScoreIntent",
    "Suppression",
    "Survey",
    "SurveyVersion",
    "Tally",
    "Trigger",
    "Variant",
    "Visitor",
    "Wave",
    "WaveDay",
    "Widget",
]
