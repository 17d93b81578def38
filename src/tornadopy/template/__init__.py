"""Template engines behind one contract, `tornadopy.types.TemplateLoader`."""
