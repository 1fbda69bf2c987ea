// What Gradio leaves out: which sensor an upload button belongs to.
(() => {
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
