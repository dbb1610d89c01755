// Where decoded pictures are shown: a <video> where a page may feed one, otherwise a canvas. Both have the display's size
// as width and height and are the element of the id "screen".
//
// A video's frames go to the compositor as they are. A canvas costs a conversion, a copy and new shared memory for each:
// of 36 ms of processor time that a picture of 1920x1080 took without a GPU, session and encoder among it, 15.

// MediaStreamTrackGenerator: Chromium, Chrome and Edge (W3C mediacapture-transform, its first form).
class Video {
  constructor(canvas) {
    const track = new MediaStreamTrackGenerator({kind: 'video'});
    this.writer = track.writable.getWriter();
    this.element = Object.assign(document.createElement('video'), {id: canvas.id, tabIndex: 0, muted: true, autoplay: true,
      playsInline: true, disablePictureInPicture: true, disableRemotePlayback: true, srcObject: new MediaStream([track])});
    canvas.replaceWith(this.element);
  }

  // Coded pictures are a little larger than the display: without the rest.
  show(frame, {width, height}) {
    const picture = new VideoFrame(frame, {visibleRect: {x: 0, y: 0, width, height}});
    frame.close();
    this.writer.write(picture).catch(() => {});  // fails where the page goes away
  }
}

class Canvas {
  constructor(canvas) {
    this.element = canvas;
    this.context = canvas.getContext('2d', {alpha: false, desynchronized: true});
  }

  show(frame) {
    this.context.drawImage(frame, 0, 0);
    frame.close();
  }
}

export const makeScreen = canvas => ('MediaStreamTrackGenerator' in window ? new Video(canvas) : new Canvas(canvas));
