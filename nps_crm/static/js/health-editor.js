// The editor of a health profile: a slider beside each weight, and the share of each as it is moved. The numbers are the
// form's own fields; without script they are typed, and the server says the shares.

const form = document.getElementById("health-form");

function shares() {
  const numbers = [...form.querySelectorAll("[data-weight]")];
  const weight = (input) => Math.max(0, Number.parseFloat(input.value.replace(",", ".")) || 0);
  const total = numbers.reduce((sum, input) => sum + weight(input), 0);
  const said = (part) => `${total ? Math.round((100 * part) / total) : 0} %`;
  for (const input of numbers) input.closest(".weight").querySelector("[data-share]").textContent = said(weight(input));
  for (const group of form.querySelectorAll(".component-group")) {
    const part = [...group.querySelectorAll("[data-weight]")].reduce((sum, input) => sum + weight(input), 0);
    const place = group.querySelector("[data-group-share]");
    if (place) place.textContent = said(part);
  }
}

form?.addEventListener("input", (event) => {
  const { target } = event;
  if (target.dataset.weightSlider) {
    document.getElementById(target.dataset.weightSlider).value = target.value;
    shares();
  } else if (target.dataset.weight !== undefined) {
    const slider = target.closest(".weight").querySelector("[data-weight-slider]");
    const number = Number.parseFloat(target.value.replace(",", "."));
    if (slider && number >= 0) {
      slider.max = String(Math.max(Number(slider.max), number));
      slider.value = String(number);
    }
    shares();
  }
});
