// Keeps what is marked data-live as the server has it: every few seconds, while
// the page is looked at and nobody is writing there. What somebody has opened
// stays open, and who goes by keyboard stays where they are. When the server
// does not answer, the page says that it is old. Pages are whole without this.
(() => {
  const every = 5000;
  let seen = "";
  const live = () => document.querySelector("[data-live]");
  const changed = (f) => (f.options ? f.selectedIndex !== Math.max(0, [...f.options].findIndex((o) => o.defaultSelected)) : f.value !== f.defaultValue);
  const writing = (part) => [...part.querySelectorAll("details[open] :is(input, select, textarea)")].some((f) => f === document.activeElement || changed(f));
  const opened = (part) => [...part.querySelectorAll("details[open][id]")].map((d) => d.id);

  // Where the keyboard is: the same link, button or summary of the fresh part.
  const place = (part) => {
    const e = document.activeElement;
    if (!part.contains(e) || e === part) return null;
    const by = e.closest("details[id]") && e.matches("summary") ? `#${CSS.escape(e.parentElement.id)} > summary` : e.getAttribute("href") ? `a[href="${CSS.escape(e.getAttribute("href"))}"]` : e.tagName.toLowerCase();
    return { by, nth: [...part.querySelectorAll(by)].indexOf(e) };
  };
  const goBack = (part, to) => to && (part.querySelectorAll(to.by)[to.nth] ?? part.querySelector(to.by))?.focus({ preventScroll: true });

  function old(since) {
    let note = document.querySelector(".old");
    if (!since) return note?.remove();
    if (note) return;
    note = document.createElement("p");
    note.className = "old";
    note.setAttribute("role", "status");
    note.textContent = `Bulkhead has not answered since ${since.toISOString().slice(0, 16).replace("T", " ")} UTC: what stands here is of then. It is asked again every ${every / 1000} seconds.`;
    document.querySelector("main").before(note);
  }

  // Gives whether the server was asked, and answered.
  async function refresh() {
    const part = live();
    if (!part || document.hidden || writing(part)) return false;
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "Bulkhead-Live": "1", "If-None-Match": seen }, redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect") location.reload();
    if (answer.status === 304 || answer.type === "opaqueredirect") return true;
    if (!answer.ok) throw new Error("no answer");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main > [data-live], main > div");
    if (!fresh || writing(part)) return true;
    seen = answer.headers.get("ETag") ?? "";
    for (const id of opened(part)) fresh.querySelector(`details[id="${CSS.escape(id)}"]`)?.setAttribute("open", "");
    const at = place(part);
    if (fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    goBack(part, at);
    if (!fresh.hasAttribute("data-live")) part.removeAttribute("data-live");
    return true;
  }

  let last = new Date();
  let asking = false;
  setInterval(async () => {
    if (asking) return;
    asking = true;
    const now = new Date();
    try {
      if (await refresh()) {
        last = now;
        old(null);
      }
    } catch {
      old(last);
    }
    asking = false;
  }, every);

  // Escape closes what was opened to ask something, and goes back to what opened it.
  document.addEventListener("keydown", (e) => {
    const asked = e.key === "Escape" && document.activeElement?.closest("details.ask[open]");
    if (!asked) return;
    asked.open = false;
    asked.querySelector("summary").focus();
  });
})();
