// Changes a section into newer HTML and leaves what is the same alone: focus, selection, open details and charts stay.
const KEPT_ATTRIBUTES = new Set(["open", "title"]);

export function morph(section, html) {
  if (section.morphedFrom === html) return;
  section.morphedFrom = html;
  const newer = document.createElement("template");
  newer.innerHTML = html;
  morphChildren(section, newer.content);
}

function morphChildren(old, newer) {
  const before = [...old.childNodes];
  const after = [...newer.childNodes];
  after.forEach((node, index) => {
    const own = before[index];
    if (own === undefined) old.append(node);
    else if (isAlike(own, node)) morphNode(own, node);
    else own.replaceWith(node);
  });
  before.slice(after.length).forEach((node) => node.remove());
}

function isAlike(own, node) {
  return own.nodeType === node.nodeType && own.nodeName === node.nodeName && (own.id ?? "") === (node.id ?? "");
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
