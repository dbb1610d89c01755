// What the page says, in the bytes of desktop/web/messages.h.
const message = (kind, size, fill) => {
  const view = new DataView(new ArrayBuffer(1 + size));
  view.setUint8(0, kind);
  if (fill) fill(view);
  return view.buffer;
};

export const shown = id => message(1, 4, v => v.setUint32(1, id, true));
export const key = (code, down) => message(2, 3, v => { v.setUint16(1, code, true); v.setUint8(3, down); });
export const character = (point, down) => message(3, 5, v => { v.setUint32(1, point, true); v.setUint8(5, down); });
export const move = (x, y) => message(4, 4, v => { v.setUint16(1, x, true); v.setUint16(3, y, true); });
export const moveBy = (x, y) => message(5, 4, v => { v.setInt16(1, x, true); v.setInt16(3, y, true); });
export const button = (number, down) => message(6, 2, v => { v.setUint8(1, number); v.setUint8(2, down); });
export const wheel = (y, x) => message(7, 4, v => { v.setInt16(1, y, true); v.setInt16(3, x, true); });
export const release = () => message(8, 0);
export const resize = (width, height) => message(9, 4, v => { v.setUint16(1, width, true); v.setUint16(3, height, true); });
export const clipboard = text => {
  const bytes = new TextEncoder().encode(text), whole = new Uint8Array(1 + bytes.length);
  whole[0] = 10;
  whole.set(bytes, 1);
  return whole.buffer;
};
export const pause = hidden => message(11, 1, v => v.setUint8(1, hidden));
export const keyFrame = () => message(12, 0);
export const locks = bits => message(13, 1, v => v.setUint8(1, bits));
export const statistics = wanted => message(14, 1, v => v.setUint8(1, wanted));

// A picture or a pointer from the host.
export const read = buffer => {
  const view = new DataView(buffer), u16 = at => view.getUint16(at, true);
  if (view.getUint8(0) === 1)
    return {picture: true, key: (view.getUint8(1) & 1) !== 0, id: view.getUint32(4, true), width: u16(8), height: u16(10),
      data: new Uint8Array(buffer, 12)};
  return {hidden: view.getUint8(1) !== 0, width: u16(2), height: u16(4), hotX: u16(6), hotY: u16(8),
    pixels: new Uint8ClampedArray(buffer, 10)};
};
