"""How costs and budgets of asking are written."""

from decimal import Decimal

from django import template

register = template.Library()


@register.filter
def tenths(value: int) -> str:
    """Tenths of an ask in asks: 10 → "1", 15 → "1.5"."""
    return f"{(Decimal(value) / 10).normalize():f}"
