"""A local page on which sensors are switched off and broken; only `page` knows Gradio."""
