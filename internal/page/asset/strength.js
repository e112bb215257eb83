// Says of a new password, as it is typed, what bulkhead will say of it: by the
// rules that the field brings along (internal/access, CheckPassword). It sends
// nothing. Without it the same is said after the form was sent.
(() => {
  const letters = /\p{L}/u, digits = /\p{Nd}/u;
  const replaceAll = (text, pairs) => [...text].map((c) => pairs[c] ?? c).join("");
  const wordsOf = (about) => about.toLowerCase().split(/[^\p{L}\p{Nd}]+/u).filter(Boolean);

  const beside = (rules, a, b) => rules.rows.some((row) => {
    const i = row.indexOf(a), j = row.indexOf(b);
    return i >= 0 && j >= 0 && Math.abs(i - j) === 1;
  });
  function withoutRuns(rules, text) {
    const left = text.filter((c, i) => !(i >= 2 && beside(rules, text[i - 2], text[i - 1]) && beside(rules, text[i - 1], c) || i >= 1 && c === text[i - 1]));
    for (let n = Math.floor(left.length / 2); n >= 3; n--) {
      if (left.slice(0, n).join("") === left.slice(n, 2 * n).join("")) return left.slice(0, n);
    }
    return left;
  }
  function plain(rules, text, words) {
    for (const w of words) if (w.length > 2) text = text.replaceAll(w, " ");
    const left = text.split(/\s+/u).filter(Boolean).flatMap((part) => withoutRuns(rules, [...part]));
    return left.filter((c, i) => letters.test(c) || digits.test(c) && (i === 0 || !digits.test(left[i - 1]))).length;
  }
  function unlikely(rules, password, about) {
    const words = [...rules.words, ...wordsOf(about)].sort((a, b) => b.length - a.length);
    const text = password.toLowerCase();
    return Math.min(plain(rules, text, words), plain(rules, replaceAll(text, rules.lookalike), words));
  }

  function judge(rules, password, about) {
    const n = [...password].length;
    if (n === 0) return ["", ""];
    if (n < rules.min) return ["short", `${rules.min - n} more ${rules.min - n === 1 ? "character" : "characters"}.`];
    if (n > rules.max) return ["long", `${n - rules.max} too many.`];
    if (new Set(password).size < rules.different) return ["weak", "Too weak: it repeats a few characters."];
    const left = unlikely(rules, password, about);
    if (left < rules.unlikely) return ["weak", "Too weak: most of it is tried first, such as common words, names, dates, rows of keys. Add a word that has nothing to do with the others."];
    if (left < 2 * rules.unlikely) return ["good", "Good."];
    return ["strong", "Strong."];
  }

  for (const field of document.querySelectorAll("input[data-strength]")) {
    const rules = JSON.parse(field.dataset.strength), says = document.getElementById(field.getAttribute("aria-describedby"));
    const form = field.form.elements;
    const about = () => [field.dataset.about, form.id?.value, form.name?.value].filter((t) => typeof t === "string").join(" ");
    const tell = () => { [says.dataset.level, says.textContent] = judge(rules, field.value, about()); };
    for (const other of [field, form.id, form.name]) other?.addEventListener?.("input", tell);
  }
})();
