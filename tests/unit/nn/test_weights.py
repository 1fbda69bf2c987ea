"""Downloads that cannot be had are given up at once."""

from pathlib import Path

from helpers.processes import run_python


def test_an_unreachable_hub_is_one_sentence_and_asked_once(tmp_path: Path) -> None:
    code = (
        "import logging, logging.handlers, queue, timm\n"
        "from actionmae.nn.weights import download\n"
        "told = queue.Queue()\n"
        "logging.getLogger('huggingface_hub').addHandler(logging.handlers.QueueHandler(told))\n"
        "try: download('resnet18', lambda: timm.create_model('resnet18', pretrained=True), from_hub=True)\n"
        "except OSError as error: print(error)\n"
        "print(told.qsize())"
    )
    hub = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0"}
    sentence, retries = run_python(code, env=hub | {"HF_HOME": str(tmp_path)}).splitlines()
    assert sentence.startswith(
        "the pretrained weights of resnet18 cannot be had (http://127.0.0.1:9 cannot be reached: "
    )
    assert retries == "0"
