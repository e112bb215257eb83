// Keeps what is marked data-live as the server has it: every few seconds, while
// the page is looked at and nobody is in the middle of something there. What
// somebody has opened stays open. Pages are whole without it.
(() => {
  const every = 5000;
  const live = () => document.querySelector("[data-live]");
  const busy = (part) => part.contains(document.activeElement) && document.activeElement !== document.body;
  const opened = (part) => [...part.querySelectorAll("details[open][id]")].map((d) => d.id);
  async function refresh() {
    const part = live();
    if (!part || document.hidden || busy(part)) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html", "Bulkhead-Live": "1" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") return location.reload();
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main > div");
    if (!fresh || busy(part)) return;
    for (const id of opened(part)) fresh.querySelector(`details[id="${CSS.escape(id)}"]`)?.setAttribute("open", "");
    if (fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    if (!fresh.hasAttribute("data-live")) part.removeAttribute("data-live");
  }
  setInterval(() => refresh().catch(() => {}), every);
})();
