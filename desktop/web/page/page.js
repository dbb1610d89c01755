// The page: takes its token to the door, then shows the desktop.
import {Input} from './input.js';
import * as messages from './messages.js';
import {Pictures, whyNot} from './picture.js';
import {makeScreen} from './screen.js';

const element = id => document.getElementById(id);
const screen = makeScreen(element('screen')), view = screen.element;
let socket, pictures, input, told = '', ended = false;

const say = text => { element('message').textContent = text; };
const send = bytes => { if (socket?.readyState === WebSocket.OPEN) socket.send(bytes); };
const fail = text => { ended = true; say(text); socket?.close(); };

// The token stands behind the #, which browsers do not send; it is good once, and a cookie takes its place.
const enter = async () => {
  const token = location.hash.slice(1);
  history.replaceState(null, '', '/');
  if (!token) return true;
  const answer = await fetch('/enter', {method: 'POST', body: token});
  if (!answer.ok) fail(await answer.text());
  return answer.ok;
};

const showPointer = ({hidden, width, height, hotX, hotY, pixels}) => {
  if (hidden) { view.style.cursor = 'none'; return; }
  if (!width || width > 128 || height > 128) { view.style.cursor = 'default'; return; }  // browsers allow 128
  const drawing = Object.assign(document.createElement('canvas'), {width, height});
  drawing.getContext('2d').putImageData(new ImageData(pixels, width, height), 0, 0);
  view.style.cursor = `url(${drawing.toDataURL()}) ${hotX} ${hotY}, default`;
};

const showStatistics = s => {
  const text = (value, digits = 1) => Number(value).toFixed(digits);
  element('statistics').textContent = `${view.width}×${view.height}  ${s.codec}  ${s.encoder}\n` +
    `${text(s.frames_per_second)} pictures/s   ${text(s.megabits_per_second, 2)} Mbit/s\n` +
    `lag ${text(s.lag_ms)} ms   encode ${text(s.encode_ms)} ms\nwindow ${s.window}   quality ${s.quality}`;
};

const receive = ({data}) => {
  if (typeof data !== 'string') {
    const message = messages.read(data);
    if (message.picture) pictures.show(message); else showPointer(message);
    if (message.picture && !ended) say('');
    return;
  }
  const {clipboard, statistics, end} = JSON.parse(data);
  if (clipboard !== undefined) input.receiveClipboard(clipboard);
  if (statistics) showStatistics(statistics);
  if (end) fail('The desktop has ended: ' + end);
};

// The display takes the size of the window, in the pixels of this screen; once the window rests.
let resting;
const fit = () => {
  clearTimeout(resting);
  resting = setTimeout(() => {
    const ratio = window.devicePixelRatio || 1;
    send(messages.resize(Math.floor(innerWidth * ratio), Math.floor(innerHeight * ratio)));
  }, 150);
};

let attempts = 0;
const connect = () => {
  socket = new WebSocket(`ws://${location.host}/desktop`, 'outboard-desktop');
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    told = 'The connection broke';
    attempts = 0;
    pictures = new Pictures(screen, send, fail);
    send(messages.statistics(element('statistics').hidden ? 0 : 1));
    fit();
  };
  socket.onmessage = receive;
  socket.onclose = () => {
    if (ended) return;
    attempts += 1;
    if (attempts > 5) return fail(told ? told + ' and does not come back.' : 'You are not let in. outboard desktop open gives an address that is good once.');
    say(told ? told + '; trying again …' : 'Connecting …');
    setTimeout(connect, 300 * attempts);
  };
};

element('full').onclick = async () => {
  if (document.fullscreenElement) return document.exitFullscreen();
  await document.documentElement.requestFullscreen();
  await navigator.keyboard?.lock?.();
  view.focus();
};
element('grab').onclick = () => { view.requestPointerLock(); view.focus(); };
element('figures').onclick = () => {
  element('statistics').hidden = !element('statistics').hidden;
  send(messages.statistics(element('statistics').hidden ? 0 : 1));
  view.focus();
};
document.addEventListener('visibilitychange', () => send(messages.pause(document.hidden ? 1 : 0)));
window.addEventListener('resize', fit);

const reason = await whyNot();
if (reason) fail(reason);
else if (await enter()) {
  input = new Input(view, send);
  connect();
  view.focus();
}
// For tests and the curious.
window.outboard = {get frames() { return pictures?.frames ?? 0; }, get last() { return pictures?.last ?? 0; }, get codec() { return pictures?.codec ?? ''; }};
