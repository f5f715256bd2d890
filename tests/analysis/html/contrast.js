// WCAG 2 contrast of every text that is shown, from computed styles. Large text needs 3, other text 4.5.
const channels = (text) => {
  const found = text.match(/[\d.]+/g).map(Number);
  return { rgb: found.slice(0, 3), alpha: found.length > 3 ? found[3] : 1 };
};
const over = (top, alpha, ground) => top.map((value, i) => alpha * value + (1 - alpha) * ground[i]);
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((value) => {
    const x = value / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
};
const groundOf = (element) => {
  const chain = [];
  for (let e = element; e; e = e.parentElement) chain.unshift(getComputedStyle(e).backgroundColor);
  let ground = [255, 255, 255];
  for (const colour of chain) {
    const { rgb, alpha } = channels(colour);
    ground = over(rgb, alpha, ground);
  }
  return ground;
};
const meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const onPicture = (element, picture) => {
  const box = element.getBoundingClientRect();
  return [...picture.querySelectorAll("image")].some((image) => meets(image.getBoundingClientRect(), box));
};

const result = { texts: 0, figureTexts: 0, tooPale: [] };
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim();
  const element = walker.currentNode.parentElement;
  if (!text || element.closest("script, style") || !element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const picture = element.closest("svg");
  // What lies on a picture cannot be told from styles.
  if (picture && onPicture(element, picture)) continue;
  let alpha = 1;
  for (let e = element; e; e = e.parentElement) alpha *= Number(getComputedStyle(e).opacity);
  const colour = channels(picture ? style.fill : style.color);
  if (picture) alpha *= Number(style.fillOpacity);
  const ground = groundOf(element);
  const ratio = contrast(over(colour.rgb, alpha * colour.alpha, ground), ground);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  result.texts += 1;
  if (picture) result.figureTexts += 1;
  if (ratio < (large ? 3 : 4.5)) result.tooPale.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
}
return result;
