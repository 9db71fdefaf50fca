// The pages of tokens: comfort in the forms, and a secret that does not outlive its page.

// What is filled in chooses the line it belongs to: data-implies="expiry=date".
function onChange(event) {
  const implied = event.target.closest("[data-implies]")?.dataset.implies;
  const isFilled = event.target.type === "checkbox" ? event.target.checked : event.target.value;
  if (!implied || !isFilled) {
    return;
  }
  const [name, value] = implied.split("=");
  const line = document.querySelector(`input[name="${name}"][value="${value}"]`);
  if (line) {
    line.checked = true;
  }
}

document.addEventListener("change", onChange);

// Browsers may keep a whole page to come back to by "Back" or "Forward", whatever its headers say.
window.addEventListener("pagehide", () => {
  for (const element of document.querySelectorAll("[data-once]")) {
    element.textContent = element.dataset.once;
  }
});
