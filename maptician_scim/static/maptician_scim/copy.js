// Copy buttons: <button hidden data-copy-target="#id" data-copied="Copied"
// data-selected="Selected. Now press Ctrl+C."> copies the text of #id and says so in the
// [role=status] beside it. Without this script the buttons stay hidden.

const SHOWN_FOR = 4000; // milliseconds

function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

// The clipboard of a page that is not served over HTTPS, or that may not use it.
function copySelected(element) {
  select(element);
  return document.execCommand("copy");
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent.trim());
    return true;
  } catch {
    return copySelected(element);
  }
}

function announce(button, text) {
  const status = button.parentElement.querySelector("[role=status]");
  if (!status) {
    return;
  }
  // Emptied first, so that the same words are announced again.
  status.textContent = "";
  window.setTimeout(() => {
    status.textContent = text;
  }, 50);
  window.clearTimeout(Number(status.dataset.timer));
  status.dataset.timer = window.setTimeout(() => {
    status.textContent = "";
  }, SHOWN_FOR);
}

async function onClick(event) {
  const button = event.currentTarget;
  const target = document.querySelector(button.dataset.copyTarget);
  if (!target) {
    return;
  }
  const isCopied = await copy(target);
  announce(button, isCopied ? button.dataset.copied : button.dataset.selected);
}

for (const button of document.querySelectorAll("[data-copy-target]")) {
  button.hidden = false;
  button.addEventListener("click", onClick);
}
