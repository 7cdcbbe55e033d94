"""What answers add to the customer pages. (Written by the lead right now: panels of account and contact with score and
answers, renderers of response.* and loop.* events, segment fields and list columns of the latest score.)"""
