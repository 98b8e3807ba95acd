"""Darkroom: GPT Image 2 as durable jobs in your own AWS account."""
