// Pictures of the host: H.264 through WebCodecs onto a screen. Tells the host what was shown.
import * as messages from './messages.js';

export const whyNot = async () => {
  if (!window.isSecureContext)
    return 'Browsers decode video for pages of this machine or of https alone. Open it as http://127.0.0.1:PORT; outboard desktop open makes such an address.';
  if (!('VideoDecoder' in window))
    return 'This browser has no WebCodecs. Chrome and Edge have it from 94 on, Safari from 16.4, Firefox from 130; or use an RDP client: outboard desktop open --client xfreerdp.';
  const {supported} = await VideoDecoder.isConfigSupported({codec: 'avc1.42E01F', optimizeForLatency: true});
  return supported ? '' : 'This browser does not decode H.264. Chromium, Chrome, Edge and Safari do; or use an RDP client: outboard desktop open --client xfreerdp.';
};

// The profile, constraints and level stand at the start of the sequence parameter set (H.264 7.3.2.1.1).
const codecOf = bytes => {
  for (let at = 0; at + 6 < bytes.length; ++at)
    if (!bytes[at] && !bytes[at + 1] && bytes[at + 2] === 1 && (bytes[at + 3] & 31) === 7)
      return 'avc1.' + [4, 5, 6].map(next => bytes[at + next].toString(16).padStart(2, '0')).join('');
  return '';
};

export class Pictures {
  constructor(screen, send, fail) {
    Object.assign(this, {screen, send, fail, frames: 0, last: 0, codec: '', sizes: new Map()});
  }

  show({key, id, width, height, data}) {
    if (key && !this.open(codecOf(data))) return;
    if (!this.decoder || this.decoder.state !== 'configured') return;  // until a key frame comes
    this.sizes.set(id, {width, height});
    this.decoder.decode(new EncodedVideoChunk({type: key ? 'key' : 'delta', timestamp: id, data}));
  }

  open(codec) {
    if (!codec || (codec === this.codec && this.decoder?.state === 'configured')) return codec !== '';
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.codec = codec;
    this.decoder = new VideoDecoder({output: frame => this.draw(frame), error: error => this.broken(error)});
    this.decoder.configure({codec, optimizeForLatency: true});
    return true;
  }

  draw(frame) {
    const id = frame.timestamp, size = this.sizes.get(id), {element} = this.screen;
    this.sizes.delete(id);
    if (!size) return frame.close();
    if (size.width !== element.width || size.height !== element.height) Object.assign(element, size);
    this.screen.show(frame, size);
    this.frames += 1;
    this.last = id;
    this.send(messages.shown(id));
  }

  broken(error) {
    this.sizes.clear();
    this.failures = (this.failures ?? 0) + 1;
    if (this.failures > 5) this.fail('The browser cannot decode the pictures: ' + error.message);
    else this.send(messages.keyFrame());
  }
}
