"""Infrastructure: templates, schemas and their generators."""
