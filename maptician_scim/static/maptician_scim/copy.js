// Buttons that copy the text of another element: <button data-copy-target="its id">.

for (const button of document.querySelectorAll("[data-copy-target]")) {
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  status.className = "scim-copied";
  button.after(status);
  button.addEventListener("click", async () => {
    const target = document.getElementById(button.dataset.copyTarget);
    try {
      await navigator.clipboard.writeText(target.value ?? target.textContent);
      status.textContent = button.dataset.copied ?? "Copied";
    } catch {
      // Not over plain HTTP, and not where the browser forbids it: leave it selected to copy by hand.
      getSelection().selectAllChildren(target);
      status.textContent = button.dataset.selected ?? "Selected: press Ctrl+C";
    }
    setTimeout(() => { status.textContent = ""; }, 4000);
  });
}
