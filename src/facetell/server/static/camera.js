// A picture from the webcam, which runs only while its window is open.

import { byId } from "/static/dom.js";

const WHY = {
  NotAllowedError: "The browser was not allowed to use the webcam. Allow it in the address bar.",
  NotFoundError: "No webcam was found.",
  NotReadableError: "The webcam is in use by another program.",
};

// onPicture takes the File of a picture that was taken.
export function wireCamera(onPicture) {
  const dialog = byId("camera");
  const viewfinder = byId("viewfinder");
  const shoot = byId("shoot");

  byId("webcam").addEventListener("click", async () => {
    byId("camera-trouble").hidden = true;
    shoot.disabled = true;
    dialog.showModal();
    if (!navigator.mediaDevices) {
      return trouble("Browsers allow the webcam on secure pages (https) and on localhost only.");
    }
    try {
      const video = { width: { ideal: 1280 }, facingMode: "user" };
      const stream = await navigator.mediaDevices.getUserMedia({ video });
      if (!dialog.open) return stop(stream);
      stop(viewfinder.srcObject); // of an opening before, which was still asking
      viewfinder.srcObject = stream;
    } catch (error) {
      trouble(WHY[error.name] ?? "The webcam cannot be used.");
    }
  });
  viewfinder.addEventListener("playing", () => (shoot.disabled = false));
  shoot.addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [viewfinder.videoWidth, viewfinder.videoHeight];
    canvas.getContext("2d").drawImage(viewfinder, 0, 0);
    canvas.toBlob((blob) => {
      const time = new Date().toTimeString().slice(0, 8).replaceAll(":", "-");
      onPicture(new File([blob], `webcam ${time}.png`, { type: "image/png" }));
    }, "image/png");
    dialog.close();
  });
  byId("camera-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    stop(viewfinder.srcObject);
    viewfinder.srcObject = null;
  });
}

function stop(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

function trouble(words) {
  byId("camera-trouble").textContent = words;
  byId("camera-trouble").hidden = false;
}
