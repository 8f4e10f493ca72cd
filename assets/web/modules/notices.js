// Problems in words, each until it is dismissed or its time is up.

/** How long a notice stays, milliseconds; longer while it has the focus or the pointer. */
const STAYS = 14000;
/** Notices on screen at once; the oldest one goes. */
const KEPT = 3;

export class Notices {
  #box = document.getElementById("notices");

  show(words) {
    for (const shown of this.#box.children) if (shown.dataset.words === words) shown.remove();
    while (this.#box.childElementCount >= KEPT) this.#box.firstElementChild.remove();
    const notice = document.createElement("div");
    notice.className = "notice";
    notice.dataset.words = words;
    const text = document.createElement("p");
    text.textContent = words;
    const close = document.createElement("button");
    close.type = "button";
    close.setAttribute("aria-label", "Dismiss");
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("viewBox", "0 0 24 24");
    icon.setAttribute("class", "icon");
    icon.setAttribute("aria-hidden", "true");
    const cross = document.createElementNS("http://www.w3.org/2000/svg", "path");
    cross.setAttribute("d", "M6 6l12 12M18 6L6 18");
    icon.append(cross);
    close.append(icon);
    close.addEventListener("click", () => notice.remove());
    notice.append(text, close);
    this.#box.append(notice);
    const leave = () => (notice.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : notice.remove());
    setTimeout(leave, STAYS);
  }
}
