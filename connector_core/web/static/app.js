"use strict";
// What HTML and htmx do not do by themselves: questions before a removal, and news for screen readers.

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
  }
});

// A button [data-fill="field"] with a value puts it into the field of that id: the corrected value, one click away.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fill]");
  if (!button) return;
  const field = document.getElementById(button.dataset.fill);
  field.value = button.value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
});

// An element [data-announce] that arrives is read out.
document.addEventListener("htmx:afterSwap", (event) => {
  const said = event.target.closest("[data-announce]") || event.target.querySelector("[data-announce]");
  if (said) {
    document.getElementById("announcer").textContent = said.dataset.announce;
  }
});

// The stream of a run ends when the run has ended: the page's state is read anew.
document.addEventListener("htmx:sseClose", (event) => {
  if (event.detail.type === "message") {
    htmx.trigger(document.body, "run-ended");
  }
});

// A box [data-all="group"] ticks the single rows of its group.
document.addEventListener("change", (event) => {
  const group = event.target.dataset.all;
  if (!group) return;
  for (const box of document.querySelectorAll(`[data-of="${CSS.escape(group)}"]`)) {
    box.checked = event.target.checked;
    box.disabled = event.target.checked;
  }
});
