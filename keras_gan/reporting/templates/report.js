
"use strict";
const frames = [...document.querySelectorAll("#frames img")];
const slider = document.getElementById("step");
const output = document.querySelector("output");
const play = document.getElementById("play");
let timer = null;

function show(index) {
  frames.forEach((frame, i) => { frame.hidden = i !== index; });
  slider.value = index;
  output.value = slider.ariaValueText = frames[index].dataset.label;
}

function pause() {
  clearInterval(timer);
  timer = null;
  play.textContent = "Play";
}

function advance() {
  const index = Number(slider.value) + 1;
  if (index < frames.length) show(index);
  if (index >= frames.length - 1) pause();
}

if (slider) {
  document.getElementById("controls").hidden = false;
  slider.addEventListener("input", () => { pause(); show(Number(slider.value)); });
  play.addEventListener("click", () => {
    if (timer) return pause();
    if (Number(slider.value) === frames.length - 1) show(0);
    play.textContent = "Pause";
    timer = setInterval(advance, 350);
  });
}
