"""A local page on which sensors are switched off and broken; only `page` and `serve` know Gradio."""
