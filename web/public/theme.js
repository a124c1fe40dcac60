// Before the first paint, so that a chosen theme does not flicker; modules run after it.
{
  const theme = localStorage.getItem('latchkey-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
}
