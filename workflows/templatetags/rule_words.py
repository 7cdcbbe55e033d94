"""Words of rules and playbooks on pages."""

from django import template

from workflows.rules import merge_fields

register = template.Library()
register.filter("spoken", merge_fields.spoken)
