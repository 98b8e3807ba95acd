"""Darkroom: GPT Image 2 as durable jobs in one's own AWS account."""
