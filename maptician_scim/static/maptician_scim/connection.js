// The live state at the top of a connection's page: asked for every two seconds while the page is
// seen, less often while it cannot be had, and no more once the session has ended.

const EVERY = 2000;
const LONGEST = 60000;

class LiveState {
  constructor(section) {
    this.section = section;
    this.parts = Object.fromEntries(
      [...section.querySelectorAll("[data-state]")].map((part) => [part.dataset.state, part]),
    );
    this.wait = EVERY;
    this.timer = null;
    this.asking = null;
    document.addEventListener("visibilitychange", () => this.follow());
    addEventListener("pageshow", () => this.follow());
    this.parts.again.addEventListener("click", (event) => {
      if (this.hasEnded || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.ask();
    });
    this.follow();
  }

  follow() {
    clearTimeout(this.timer);
    if (!document.hidden && !this.hasEnded) this.ask();
  }

  async ask() {
    clearTimeout(this.timer);
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    try {
      const answer = await fetch(this.section.dataset.url, {
        cache: "no-store",
        credentials: "same-origin",
        headers: { Accept: "application/json" },
        redirect: "manual",
        signal: asking.signal,
      });
      // Whoever is logged out is sent to the login; whoever may not see this is refused.
      if (answer.type === "opaqueredirect" || answer.status === 403) return this.end();
      if (!answer.ok) throw new Error(`The state was answered with ${answer.status}`);
      this.show(await answer.json());
      this.write("trouble", "");
      this.wait = EVERY;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.wait = Math.min(this.wait * 2, LONGEST);
      this.write("trouble", this.section.dataset.failing);
    }
    if (!document.hidden) this.timer = setTimeout(() => this.ask(), this.wait);
  }

  show(state) {
    this.section.classList.replace(`scim-state-${this.section.dataset.kind}`, `scim-state-${state.kind}`);
    this.section.dataset.kind = state.kind;
    for (const name of ["word", "headline", "advice"]) this.write(name, state[name]);
  }

  // Only what is new, so that nothing is read aloud twice.
  write(name, text) {
    if (this.parts[name].textContent !== text) this.parts[name].textContent = text;
  }

  end() {
    this.hasEnded = true;
    this.write("trouble", this.section.dataset.ended);
  }
}

for (const section of document.querySelectorAll("[data-scim-state]")) new LiveState(section);
