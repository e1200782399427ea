// Changes a section into newer HTML and leaves what is the same alone: focus, selection, open details and charts stay.
const KEPT_ATTRIBUTES = new Set(["open", "title"]);

export function morph(section, html) {
  if (section.morphedFrom === html) return;
  section.morphedFrom = html;
  const newer = document.createElement("template");
  newer.innerHTML = html;
  morphChildren(section, newer.content);
}

// Elements with an id stay the same ones where their order changes; others are matched by position.
function morphChildren(old, newer) {
  const withId = new Map([...old.children].filter((child) => child.id !== "").map((child) => [child.id, child]));
  let next = old.firstChild;
  for (const node of [...newer.childNodes]) {
    const own = counterpart(node, next, withId);
    if (own === null) {
      old.insertBefore(node, next);
      continue;
    }
    if (own === next) next = next.nextSibling;
    else old.insertBefore(own, next);
    morphNode(own, node);
  }
  while (next !== null) {
    const rest = next;
    next = next.nextSibling;
    rest.remove();
  }
}

function counterpart(node, next, withId) {
  const own = node.id ? withId.get(node.id) ?? null : next;
  if (own === null || own.nodeName !== node.nodeName || (own.id ?? "") !== (node.id ?? "")) return null;
  return own;
}

function morphNode(own, node) {
  if (own.nodeType !== Node.ELEMENT_NODE) {
    if (own.nodeValue !== node.nodeValue) own.nodeValue = node.nodeValue;
    return;
  }
  if (own.hasAttribute("data-keep")) return;
  const isSameTime = own.nodeName === "TIME" && own.dateTime === node.dateTime;
  morphAttributes(own, node);
  if (isSameTime) return;
  if (own.nodeName === "TIME") own.removeAttribute("title");
  morphChildren(own, node);
}

function morphAttributes(own, node) {
  for (const { name, value } of node.attributes) {
    if (own.getAttribute(name) !== value) own.setAttribute(name, value);
  }
  for (const { name } of [...own.attributes]) {
    if (!node.hasAttribute(name) && !KEPT_ATTRIBUTES.has(name) && !name.startsWith("aria-label")) own.removeAttribute(name);
  }
}
