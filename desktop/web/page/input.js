// Keys, pointer and clipboard of the page, to the host.
import {scanCodes} from './keys.js';
import * as messages from './messages.js';

const notch = 120, lines = 3;  // Windows counts a notch as 120; browsers count three lines for it
const buttons = [1, 2, 3, 8, 9];  // of MouseEvent.button, as X numbers them

export class Input {
  constructor(view, send) {
    Object.assign(this, {view, send, held: new Set(), copied: '', wheelY: 0, wheelX: 0});
    const on = (target, name, does) => target.addEventListener(name, does, {passive: false});
    on(window, 'keydown', event => this.keyDown(event));
    on(window, 'keyup', event => this.keyUp(event));
    on(window, 'blur', () => this.letGo());
    on(window, 'focus', () => this.fetchClipboard());
    on(window, 'paste', event => this.paste(event.clipboardData?.getData('text/plain') ?? ''));
    on(view, 'pointermove', event => this.move(event));
    on(view, 'pointerdown', event => this.press(event, 1));
    on(view, 'pointerup', event => this.press(event, 0));
    on(view, 'wheel', event => this.turn(event));
    on(view, 'contextmenu', event => event.preventDefault());
  }

  keyDown(event) {
    const code = scanCodes[event.code];
    if (!code) return this.type(event);
    // The browser pastes after this event: the text has to be at the host before the key is.
    const pastes = (event.ctrlKey && event.code === 'KeyV') || (event.shiftKey && event.code === 'Insert');
    if (pastes) return this.awaitPaste(code);
    event.preventDefault();
    this.held.add(code);
    this.tellLocks(event);
    this.send(messages.key(code, 1));
  }

  keyUp(event) {
    const code = scanCodes[event.code];
    if (!code) return;
    event.preventDefault();
    this.pasted?.();
    this.held.delete(code);
    this.send(messages.key(code, 0));
  }

  // Keyboards on a screen have no places of keys.
  type(event) {
    if ([...event.key].length !== 1) return;
    event.preventDefault();
    for (const down of [1, 0]) this.send(messages.character(event.key.codePointAt(0), down));
  }

  awaitPaste(code) {
    this.pasted?.();
    this.pasted = () => {
      this.pasted = undefined;
      this.held.add(code);
      this.send(messages.key(code, 1));
    };
    setTimeout(() => this.pasted?.(), 50);
  }

  paste(text) {
    this.offer(text);
    this.pasted?.();
  }

  tellLocks(event) {
    const bits = ['CapsLock', 'NumLock', 'ScrollLock'].reduce((sum, name, bit) => sum | (event.getModifierState(name) << bit), 0);
    if (bits !== this.locks) this.send(messages.locks(bits));
    this.locks = bits;
  }

  letGo() {
    this.held.clear();
    this.send(messages.release());
  }

  // In pixels of the host's display.
  place(event) {
    const box = this.view.getBoundingClientRect();
    const scaled = (at, start, length, pixels) => Math.max(0, Math.min(pixels - 1, Math.floor((at - start) * pixels / length)));
    return [scaled(event.clientX, box.left, box.width, this.view.width), scaled(event.clientY, box.top, box.height, this.view.height)];
  }

  move(event) {
    if (document.pointerLockElement === this.view) return this.send(messages.moveBy(event.movementX, event.movementY));
    this.send(messages.move(...this.place(event)));
  }

  press(event, down) {
    event.preventDefault();
    this.view.focus();
    if (down) this.view.setPointerCapture(event.pointerId);
    this.move(event);
    if (buttons[event.button]) this.send(messages.button(buttons[event.button], down));
  }

  // Whole steps of a wheel count; what touch pads add is kept until it is one.
  turn(event) {
    event.preventDefault();
    const unit = [notch / 100, notch / lines, notch * 3][event.deltaMode];
    this.wheelY -= event.deltaY * unit;
    this.wheelX += event.deltaX * unit;
    const [y, x] = [this.wheelY, this.wheelX].map(sum => Math.max(-32000, Math.min(32000, Math.trunc(sum))));
    if (!y && !x) return;
    this.wheelY -= y;
    this.wheelX -= x;
    this.send(messages.wheel(y, x));
  }

  // What was copied here; the host's own text does not go back to it.
  offer(text) {
    if (!text || text === this.copied) return;
    this.copied = text;
    this.send(messages.clipboard(text));
  }

  async fetchClipboard() {
    try {
      const {state} = await navigator.permissions.query({name: 'clipboard-read'});
      if (state === 'granted') this.offer(await navigator.clipboard.readText());
    } catch { /* browsers without that permission give the text with the paste key */ }
  }

  async receiveClipboard(text) {
    this.copied = text;
    try {
      await navigator.clipboard.writeText(text);
    } catch { /* not in front: it is there with the next copy */ }
  }
}
