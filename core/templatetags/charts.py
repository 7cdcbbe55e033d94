"""Charts as template tags; the drawing itself is core.charts."""

from django import template

register = template.Library()
