// What Gradio leaves out: why an upload was refused, and which sensor an upload button belongs to.
(() => {
  const say = (sentence) => {
    const place = document.getElementById("refused");
    if (place) place.textContent = sentence;
  };
  const send = window.fetch;
  window.fetch = async (...request) => {
    const answer = await send(...request);
    if (String(request[0]).includes("/upload?")) say(answer.status === 413 ? await answer.clone().text() : "");
    return answer;
  };
  const name = () => {
    for (const block of document.querySelectorAll(".upload")) {
      const label = block.querySelector("[data-testid=block-label]");
      if (!label) continue;
      block.setAttribute("role", "group");
      block.setAttribute("aria-label", label.textContent.trim());
    }
  };
  new MutationObserver(name).observe(document, { childList: true, subtree: true });
})();
